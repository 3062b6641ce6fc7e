"""``python -m webapp.cli`` is the ``lastgood`` command."""

from webapp.cli import main

main()
