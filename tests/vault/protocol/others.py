"""Who else changes a vault: the forgetting of a snapshot, and what becomes of writers that died."""

from __future__ import annotations

from tests.vault.protocol.world import Case, Me, Next, World, go, held, look, put_pack


def forgetter(root: str) -> Me:
    return Me(root, "forgetter", "forget")


def forget(world: World, me: Me, case: Case) -> Next:
    return [(world._replace(finals=world.finals - {me.name}), go(me, "end"))]


def sweeper(name: str) -> Me:
    """The next run on the same host: it takes for dead who is dead, and on a copy of that host
    also who is not."""
    return Me(name, "revoker", "sweep")


def sweep(world: World, me: Me, case: Case) -> Next:
    if case.rules.the_dead_are_revoked_too:
        return revoke(world, me, case)
    found = world.pending
    return [(world._replace(pending=world.pending - {one}), go(me, "end")) for one in found]


def revoker(name: str) -> Me:
    """Takes any writer for dead, alive or not: it has not been heard of for 30 days."""
    return Me(name, "revoker", "revoke")


def revoke(world: World, me: Me, case: Case) -> Next:
    found = []
    for one in world.pending:
        after = "look" if case.rules.second_look else "drop"
        revoked = world.revoked | {one} if case.rules.revoked_before_dropping else world.revoked
        found.append((world._replace(revoked=revoked), go(me, after, todo=one)))
    return found


def look_for_final(world: World, me: Me, case: Case) -> Next:
    if me.todo not in world.finals:
        return [(world, go(me, "drop", todo=me.todo))]
    after = "check" if case.rules.whole_before_unrevoking else "unrevoke"
    return [(world, go(me, after, todo=me.todo))]


def drop(world: World, me: Me, case: Case) -> Next:
    return [(world._replace(pending=world.pending - {me.todo}), go(me, "end"))]


def check(world: World, me: Me, case: Case) -> Next:
    """A final that is revoked: is it whole? As W4 and W5, on the writer's behalf."""
    me = look(world, me, condemned_first=True)
    if me.phase < 2:
        return [(world, me)]
    missing = case.needed(frozenset([me.todo])) - held(me.seen - me.marked)
    if not missing:
        return [(world, go(me, "unrevoke", todo=me.todo))]
    if missing <= held(me.seen):
        return [(world, go(me, "copy", todo=me.todo, old=missing))]
    return [(world, go(me, "bury", todo=me.todo))]


def copy(world: World, me: Me, case: Case) -> Next:
    if me.old <= held(world.packs):
        world, me = put_pack(world, me, me.old)
    return [(world, go(me, "check", todo=me.todo))]


def unrevoke(world: World, me: Me, case: Case) -> Next:
    return [(world._replace(revoked=world.revoked - {me.todo}), go(me, "end"))]


def bury(world: World, me: Me, case: Case) -> Next:
    return [(world._replace(finals=world.finals - {me.todo}), go(me, "end"))]


STEPS = {
    ("forgetter", "forget"): forget,
    ("revoker", "sweep"): sweep,
    ("revoker", "revoke"): revoke,
    ("revoker", "look"): look_for_final,
    ("revoker", "drop"): drop,
    ("revoker", "check"): check,
    ("revoker", "copy"): copy,
    ("revoker", "unrevoke"): unrevoke,
    ("revoker", "bury"): bury,
}
