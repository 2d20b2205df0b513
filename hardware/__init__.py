"""Everything with a cable: ports, buses, servos, exoskeletons, sensors."""
