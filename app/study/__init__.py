"""The vocabulary of studies: settings, arms, records, submissions."""
