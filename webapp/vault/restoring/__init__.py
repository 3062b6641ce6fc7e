"""The way back: a snapshot, or a part of it, is written into a target.

Entries are looked at in the order of the snapshot, a bounded number at a time. What has to be
fetched for these is put in the order of the packs; each range of a pack is fetched once, and what
is decoded goes to all files that need it, in any order.
"""
