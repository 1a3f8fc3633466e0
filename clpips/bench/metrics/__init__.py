"""The benchmark's metrics, one file each."""
