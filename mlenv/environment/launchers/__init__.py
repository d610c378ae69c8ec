"""Files and lines that give some launcher the launch environment: one module a launcher."""
