"""What the robot and its world are: data, and one typed reader."""
