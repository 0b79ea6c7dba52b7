"""Random bytes that the processes on one library share and that stand nowhere else."""

from __future__ import annotations

import secrets as randomness

import sqlalchemy as sa

from rag.store.base import Room
from rag.store.schema import secrets

SECRET_BYTES = 32


class Secrets(Room):
    """Mixed into Store."""

    def secret(self, name: str) -> bytes:
        """The same 32 bytes in every process and at every time; made when first asked for."""
        query = sa.select(secrets.c.value).where(secrets.c.name == name)
        with self._db.read() as connection:
            found = connection.execute(query).scalar_one_or_none()
        if found is None:
            made = randomness.token_hex(SECRET_BYTES)
            with self._db.write(shared=True) as connection:
                connection.execute(self._db.insert_if_absent(secrets).values(name=name, value=made))
                found = connection.execute(query).scalar_one()  # another process may have been first
        return bytes.fromhex(found)
