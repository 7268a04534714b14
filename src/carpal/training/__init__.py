"""Data sets, networks and the loop that trains them; torch and timm are imported here and nowhere else."""
