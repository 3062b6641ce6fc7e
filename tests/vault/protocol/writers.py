"""W1 to W6, one operation a step."""

from __future__ import annotations

from tests.vault.protocol.world import NONE, Case, Me, Next, World, go, held, look, put_pack


def start(name: str) -> Me:
    return Me(name, "writer", "W1")


def see(world: World, me: Me, case: Case) -> Next:
    """W1: what is there? What is absent will be stored."""
    me = look(world, me, condemned_first=True)
    if me.phase < 2:
        return [(world, me)]
    missing = case.needed(frozenset([me.name])) - held(_safe(me, case))
    seen = me.seen if case.indexed else NONE
    return [(world, go(me, "W2" if missing else _after_storing(case), todo=missing, seen=seen))]


def store(world: World, me: Me, case: Case) -> Next:
    world, me = put_pack(world, me, me.todo)
    if case.indexed:
        return [(world, me._replace(at="W2 index", todo=NONE))]
    return [(world, go(me, _after_storing(case), todo=NONE))]


def write_index(world: World, me: Me, case: Case) -> Next:
    """Own packs, and those that some killed writer did not list any more."""
    listed = frozenset(pack for _, packs in world.index for pack in packs)
    own = frozenset(pack for pack in world.packs if pack[0] == me.name)
    entry = (f"{me.name}{me.made}", own | (me.seen - listed))
    after = "W4" if me.phase == 9 else _after_storing(case)
    return [(world._replace(index=world.index | {entry}), go(me, after))]


def put_pending(world: World, me: Me, case: Case) -> Next:
    after = "W4" if case.rules.pending_before_looking else "W6"
    return [(world._replace(pending=world.pending | {me.name}), go(me, after))]


def look_again(world: World, me: Me, case: Case) -> Next:
    """W4: every chunk must be in a pack that is there and not condemned."""
    if not case.rules.writer_looks_again:
        return [(world, go(me, _when_safe(case)))]
    me = look(world, me, case.rules.writer_lists_condemned_first)
    if me.phase < 2:
        return [(world, me)]
    missing = case.needed(frozenset([me.name])) - held(_safe(me, case))
    if not missing:
        return [(world, go(me, _when_safe(case)))]
    if missing <= held(me.seen):
        return [(world, go(me, "W5", todo=missing))]
    if not case.rules.lost_is_read_again or me.name.endswith("'"):
        return [(world, go(me, "fail"))]
    return [(world, go(me, "W5 read", todo=missing))]


def copy_out(world: World, me: Me, case: Case) -> Next:
    """W5. If it went away meanwhile, look again."""
    if not me.todo <= held(world.packs):
        return [(world, go(me, "W4", todo=NONE))]
    world, me = put_pack(world, me, me.todo)
    if case.indexed:
        return [(world, go(me, "W2 index", todo=NONE, phase=9))]
    return [(world, go(me, "W4", todo=NONE))]


def read_again(world: World, me: Me, case: Case) -> Next:
    """W5: the source still has it. What is announced then is another root: once only, here."""
    me = me._replace(name=me.name + "'")
    world, me = put_pack(world, me, me.todo)
    return [(world, go(me, "W5 list" if case.indexed else "W5 announce"))]


def list_again(world: World, me: Me, case: Case) -> Next:
    own = frozenset(pack for pack in world.packs if pack[0] == me.name)
    return [(world._replace(index=world.index | {(me.name, own)}), go(me, "W5 announce"))]


def announce_again(world: World, me: Me, case: Case) -> Next:
    """The root that lacked something goes when the other is there."""
    return [(world._replace(pending=world.pending | {me.name}), go(me, "W5 withdraw"))]


def withdraw(world: World, me: Me, case: Case) -> Next:
    pending = world.pending - {me.name.removesuffix("'")}
    return [(world._replace(pending=pending), go(me, "W4"))]


def drop_pending_early(world: World, me: Me, case: Case) -> Next:
    return [(world._replace(pending=world.pending - {me.name}), go(me, "W6"))]


def finish(world: World, me: Me, case: Case) -> Next:
    after = "W6 revoked?" if case.rules.writer_heeds_revocation else "W6 done"
    return [(world._replace(finals=world.finals | {me.name}), go(me, after))]


def check_revoked(world: World, me: Me, case: Case) -> Next:
    return [(world, go(me, "W6 undo" if me.name in world.revoked else "W6 done"))]


def undo(world: World, me: Me, case: Case) -> Next:
    return [(world._replace(finals=world.finals - {me.name}), go(me, "fail"))]


def done(world: World, me: Me, case: Case) -> Next:
    world = world._replace(succeeded=world.succeeded | {me.name}, pending=world.pending - {me.name})
    return [(world, go(me, "end"))]


def fail(world: World, me: Me, case: Case) -> Next:
    return [(world._replace(pending=world.pending - {me.name}), go(me, "end"))]


def _safe(me: Me, case: Case) -> frozenset:
    return me.seen - me.marked if case.rules.writer_shuns_condemned else me.seen


def _after_storing(case: Case) -> str:
    return "W3" if case.rules.pending_before_looking else "W4"


def _when_safe(case: Case) -> str:
    if not case.rules.pending_before_looking:
        return "W3"
    return "W6" if case.rules.pending_until_final else "W6 early"


STEPS = {
    ("writer", "W1"): see,
    ("writer", "W2"): store,
    ("writer", "W2 index"): write_index,
    ("writer", "W3"): put_pending,
    ("writer", "W4"): look_again,
    ("writer", "W5"): copy_out,
    ("writer", "W5 read"): read_again,
    ("writer", "W5 list"): list_again,
    ("writer", "W5 announce"): announce_again,
    ("writer", "W5 withdraw"): withdraw,
    ("writer", "W6 early"): drop_pending_early,
    ("writer", "W6"): finish,
    ("writer", "W6 revoked?"): check_revoked,
    ("writer", "W6 undo"): undo,
    ("writer", "W6 done"): done,
    ("writer", "fail"): fail,
}
