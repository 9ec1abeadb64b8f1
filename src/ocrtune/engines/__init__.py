"""What reads images: engines, one file each."""
