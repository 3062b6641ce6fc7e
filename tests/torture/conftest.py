"""What campaigns on a whole installation share with the tests of the engine room."""

from tests.services.conftest import enter

__all__ = ["enter"]
