"""Everything that trains, measures and explains; the runtime imports none of it."""
