"""P1 to P5 and the compaction of the index, one operation a step."""

from __future__ import annotations

from tests.vault.protocol.world import (
    NONE,
    Case,
    Me,
    Next,
    Pack,
    World,
    go,
    held,
    look,
    put_pack,
)


def start(name: str, at: str = "P1") -> Me:
    """A prune; at ``P5``, one that only deletes what was condemned before it."""
    return Me(name, "pruner", at)


def list_roots(world: World, me: Me, case: Case) -> Me:
    """Phases 0 and 1: pending first, so that no root slips through on its way to finished."""
    pending_now = (me.phase == 0) is case.rules.pending_listed_before_finals
    found = world.pending if pending_now else world.finals
    if pending_now and not case.rules.pending_is_a_root:
        found = NONE
    return me._replace(roots=me.roots | found, phase=me.phase + 1)


def look_around(world: World, me: Me, case: Case) -> Me:
    """Phases 0 to 3: roots, then condemned, then packs."""
    if me.phase < 2:
        return list_roots(world, me, case)
    me = look(world, me._replace(phase=me.phase - 2), case.rules.condemned_listed_before_packs)
    return me._replace(phase=me.phase + 2)


def choose(world: World, me: Me, case: Case) -> Next:
    """P1: victims are all packs with a chunk that no root needs: the greediest prune there is. Or
    all but those of writers that go on, if these have said so in time."""
    me = look_around(world, me, case)
    if me.phase < 4:
        return [(world, me)]
    live, free = _live(me, case), me.seen - me.marked
    victims = frozenset(pack for pack in free if not frozenset(pack[2]) <= live)
    spared = frozenset(pack for pack in victims if pack[0].removesuffix("'") in case.chunks)
    return [
        found
        for some in {victims, victims - spared if case.rules.unfinished_are_spared else victims}
        for found in _give_up(world, me, case, some)
    ]


def _give_up(world: World, me: Me, case: Case, victims: frozenset[Pack]) -> Next:
    if not victims:
        return [(world, go(me, "P5"))]
    live, free = _live(me, case), me.seen - me.marked
    copies = (live & held(victims)) - held(free - victims)
    if copies and case.rules.copies_before_condemning:
        return [(world, go(me, "P1 copy", todo=(copies, victims)))]
    return [(world, go(me, "P2", todo=victims))]


def copy_live(world: World, me: Me, case: Case) -> Next:
    copies, victims = me.todo
    if not copies <= held(world.packs):  # another prune was faster: see again
        return [(world, go(me, "P1"))]
    world, me = put_pack(world, me, copies)
    if case.indexed and case.rules.copies_are_listed:
        world = _list_own(world, me)
    return [(world, go(me, "P2", todo=victims))]


def condemn(world: World, me: Me, case: Case) -> Next:
    after = "P3" if case.rules.rescue_after_condemning else "P5"
    return [(world._replace(marks=world.marks | {(me.name, me.todo)}), go(me, after))]


def rescue(world: World, me: Me, case: Case) -> Next:
    """P3: what is needed and only in condemned packs is copied out, until there is none."""
    me = look_around(world, me, case)
    if me.phase < 4:
        return [(world, me)]
    lost = _to_rescue(me, case)
    return [(world, go(me, _way_of_rescue("P3", case), todo=lost) if lost else go(me, "P5"))]


def list_condemned(world: World, me: Me, case: Case) -> Next:
    """P5: D, what is condemned already."""
    if not case.rules.old_condemned_listed_first:
        return [(world, go(me, "P5 look"))]
    if not world.marks:
        return [(world, go(me, _after_deleting(case)))]
    return [(world, go(me, "P5 look", old=world.marks))]


def look_before_deleting(world: World, me: Me, case: Case) -> Next:
    if me.phase == 4:  # only without the rule that D comes first
        return _judge(world, me._replace(old=world.marks), case)
    me = look_around(world, me, case)
    if me.phase < 4 or not case.rules.old_condemned_listed_first:
        return [(world, me)]
    return _judge(world, me, case)


def _judge(world: World, me: Me, case: Case) -> Next:
    if not me.old:
        return [(world, go(me, _after_deleting(case)))]
    lost = _to_rescue(me, case) if case.rules.rescue_before_deleting else NONE
    if lost:
        return [(world, go(me, _way_of_rescue("P5 look", case), todo=lost, old=me.old))]
    doomed = frozenset(pack for _, packs in me.old for pack in packs)
    if not case.rules.only_old_condemned_deleted:
        doomed = me.marked
    first = "P5 delete" if case.rules.marks_removed_last else "P5 unmark"
    return [(world, go(me, first, old=me.old, todo=tuple(sorted(doomed & me.seen))))]


def _to_rescue(me: Me, case: Case) -> frozenset[str]:
    return (_live(me, case) - held(me.seen - me.marked)) & held(me.seen)


def _live(me: Me, case: Case) -> frozenset[str]:
    """What roots need. One that lacks something protects nothing: it may be the list of what it
    needs that is lost. Such a root is never finished."""
    there = held(me.seen)
    return case.needed(frozenset(root for root in me.roots if there.issuperset(case.chunks[root])))


def _way_of_rescue(at: str, case: Case) -> str:
    return f"{at}, copy" if case.rules.rescue_by_copying else f"{at}, pardon"


def copy_rescued(world: World, me: Me, case: Case) -> Next:
    if me.todo <= held(world.packs):
        world, me = put_pack(world, me, me.todo)
        if case.indexed and case.rules.copies_are_listed:
            world = _list_own(world, me)
    return [(world, go(me, me.at.partition(",")[0], old=me.old))]


def pardon(world: World, me: Me, case: Case) -> Next:
    """What the protocol forbids: to take a condemnation back."""
    marks = frozenset(mark for mark in world.marks if not me.todo & held(mark[1]))
    return [(world._replace(marks=marks), go(me, me.at.partition(" ")[0].rstrip(",")))]


def delete(world: World, me: Me, case: Case) -> Next:
    if me.todo:
        world = world._replace(packs=world.packs - {me.todo[0]})
        me = me._replace(todo=me.todo[1:])
    if me.todo:
        return [(world, me)]
    if case.rules.marks_removed_last:
        return [(world, go(me, "P5 unmark", old=me.old))]
    return [(world, go(me, _after_deleting(case)))]


def unmark(world: World, me: Me, case: Case) -> Next:
    first, *rest = sorted(me.old, key=lambda mark: mark[0])
    world = world._replace(marks=world.marks - {first})
    if rest:
        return [(world, me._replace(old=frozenset(rest)))]
    if not case.rules.marks_removed_last:
        return [(world, go(me, "P5 delete", todo=me.todo))]
    return [(world, go(me, _after_deleting(case)))]


def _after_deleting(case: Case) -> str:
    return "compact" if case.indexed else "end"


def see_index(world: World, me: Me, case: Case) -> Next:
    """Read all index objects, then list packs; what went away needs no entry any more."""
    if (me.phase == 0) is case.rules.index_listed_before_packs:
        me = me._replace(old=world.index, phase=me.phase + 1)
    else:
        me = me._replace(seen=world.packs, phase=me.phase + 1)
    if me.phase < 2:
        return [(world, me)]
    if len(me.old) < 2:
        return [(world, go(me, "end"))]
    kept = frozenset(pack for _, packs in me.old for pack in packs) & me.seen
    first = "compact put" if case.rules.new_index_before_old_goes else "compact drop"
    return [(world, go(me, first, old=me.old, todo=kept))]


def put_index(world: World, me: Me, case: Case) -> Next:
    entry = (f"{me.name} all", me.todo)
    after = "compact drop" if case.rules.new_index_before_old_goes else "end"
    return [(world._replace(index=world.index | {entry}), go(me, after, old=me.old))]


def drop_index(world: World, me: Me, case: Case) -> Next:
    first, *rest = sorted(me.old, key=lambda entry: entry[0])
    world = world._replace(index=world.index - {first})
    if rest:
        return [(world, me._replace(old=frozenset(rest)))]
    after = "end" if case.rules.new_index_before_old_goes else "compact put"
    return [(world, go(me, after, todo=me.todo))]


def _list_own(world: World, me: Me) -> World:
    """A run lists its copies before it condemns; one step with the last pack, for nobody relies
    on a copy before the original is condemned."""
    own = frozenset(pack for pack in world.packs if pack[0] == me.name)
    return world._replace(index=world.index | {(f"{me.name} {me.made}", own)})


STEPS = {
    ("pruner", "P1"): choose,
    ("pruner", "P1 copy"): copy_live,
    ("pruner", "P2"): condemn,
    ("pruner", "P3"): rescue,
    ("pruner", "P3, copy"): copy_rescued,
    ("pruner", "P3, pardon"): pardon,
    ("pruner", "P5"): list_condemned,
    ("pruner", "P5 look"): look_before_deleting,
    ("pruner", "P5 look, copy"): copy_rescued,
    ("pruner", "P5 look, pardon"): pardon,
    ("pruner", "P5 delete"): delete,
    ("pruner", "P5 unmark"): unmark,
    ("pruner", "compact"): see_index,
    ("pruner", "compact put"): put_index,
    ("pruner", "compact drop"): drop_index,
}
