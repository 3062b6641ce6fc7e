"""Forms of people who sign in, or look after their own account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from webapp.forms.fields import Fields


@dataclass(frozen=True)
class SignIn:
    email: str
    password: str = field(repr=False)

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> SignIn:
        fields = Fields(form)
        read = cls(
            fields.text("email", missing="Type your e-mail address.", longest=254),
            fields.secret("password", missing="Type your password."),
        )
        fields.finish()
        return read


@dataclass(frozen=True)
class NewPassword:
    """A password typed twice; ``name`` where the form asks for it."""

    password: str = field(repr=False)
    name: str = ""

    @classmethod
    def parse(cls, form: Mapping[str, str], *, field: str = "password") -> NewPassword:
        fields = Fields(form)
        password = fields.secret(field, missing="Choose a password.")
        if password and password != form.get("again", ""):
            fields.complain("again", "The two are not the same.")
        read = cls(password, fields.text("name"))
        fields.finish()
        return read


@dataclass(frozen=True)
class Code:
    code: str

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Code:
        fields = Fields(form)
        read = cls(fields.text("code", missing="Type the code.", longest=40))
        fields.finish()
        return read


@dataclass(frozen=True)
class Confirmation:
    """The present password, before an act that needs it."""

    current_password: str = field(repr=False)

    @classmethod
    def parse(cls, form: Mapping[str, str]) -> Confirmation:
        fields = Fields(form)
        read = cls(fields.secret("current_password", missing="Type your present password."))
        fields.finish()
        return read
