"""Files written whole or not at all, locks, wave files."""
