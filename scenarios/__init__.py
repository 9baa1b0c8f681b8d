"""Questions asked of the twin, and their answers; imports twin and solvers."""
