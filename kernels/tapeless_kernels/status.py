"""The status codes of include/tapeless.h, and what the failures among them mean."""

# Of one lane.
RUNNING = 0
SUCCESS = 1
MAX_STEPS = 2
STEP_TOO_SMALL = 3
NON_FINITE = 4
FIELD_FAILED = 5
INTERRUPTED = 6
IRREVERSIBLE = 7
BELOW_RESOLUTION = 8

# Of one call of the loop.
DONE = 0
BUFFER_FULL = 1
BUDGET_SPENT = 2
EVENT = 3
FIELD_ERROR = 4

# How a lane came to its end, and what to try: to follow "Trajectory 2 reached t = 3.2 of 10, then".
CAUSE = {
    RUNNING: "had more steps to take; let the loop go on",
    SUCCESS: "had arrived",
    MAX_STEPS: "had taken all its steps; raise `max_steps`, or loosen `rtol` and `atol`",
    STEP_TOO_SMALL: "needed a step below rounding; look for a singularity of the field there, "
    "or loosen `rtol` and `atol`",
    NON_FINITE: "met a value that is not finite; look at the field there, or take smaller steps",
    FIELD_FAILED: "was stopped by its field, which reported a failure; look at the field there",
    INTERRUPTED: "was interrupted; what it had reached is kept",
    IRREVERSIBLE: "could not go on, or back to its start: the two states of its reversible method drift apart, as "
    "where the field contracts; take more steps, a smaller coupling, or an ordinary method",
    BELOW_RESOLUTION: "needed a step below the resolution of its Brownian path; make the path with a smaller "
    "`resolution`, or loosen `rtol` and `atol`",
}
