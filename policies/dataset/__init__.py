"""LeRobot v3 datasets: built, imported, read."""
