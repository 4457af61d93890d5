"""Everything that is shown or written of a run: results, page, archive, terminal, and the folder they lie in."""
