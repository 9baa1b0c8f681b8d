"""Plans for production, maintenance, energy and carbon; imports only twin."""
