"""Pages and figures for a browser; imports twin, solvers and scenarios."""
