"""Acts that one person may not do alone, where a tenant chooses so.

The service of each such act calls ``asking.require`` before it changes anything: where two people
are demanded, that keeps a request and raises ``Waiting``. So neither page nor command line nor job
goes around it. ``deciding.approve`` carries the request out by the very same service, with an
access that holds the fingerprint of exactly what was approved.

Services import ``asking`` alone; ``carrying`` imports them.
"""
