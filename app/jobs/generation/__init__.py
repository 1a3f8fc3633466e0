"""What the job ``generate`` calls: images, blind pairs, calibration boards."""
