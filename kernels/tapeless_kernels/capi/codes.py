"""What a call from C returns beside the codes of the loop, and what each code means."""

from .. import status

# The loop's own codes, in tapeless.h, stay below these.
BAD_POINTER = 16
WRONG_STRUCT = 17
BAD_SIZE = 18
BAD_OPTION = 19
BAD_NUMBER = 20
UNSORTED = 21
SMALL_WORKSPACE = 22
SMALL_RECORD = 23
NOT_SOLVED = 24
NO_RECORD = 25

MEANING = {
    status.DONE: "done",
    status.BUFFER_FULL: "the record is full: point `record` to another block and call again",
    status.BUDGET_SPENT: "`budget` iterations are done: call again",
    status.EVENT: "an event has come",
    status.FIELD_ERROR: "the field, or its vjp, returned a code other than 0",
    BAD_POINTER: "a pointer that is needed is NULL, or not a multiple of what it points to",
    WRONG_STRUCT: "`size` is not that of the struct which this library knows: call ode_init, and "
    "compile with the header of this version",
    BAD_SIZE: "a size is negative, 0 where there must be some, or too large",
    BAD_OPTION: "an option is none of those that there are, or does not go with the others",
    BAD_NUMBER: "a number is NaN or infinite, or a tolerance or a step is negative",
    UNSORTED: "`times` are not sorted in the direction of the span, or not inside it",
    SMALL_WORKSPACE: "the workspace is smaller than `workspace_needed`",
    SMALL_RECORD: "the block of the record has no room for an iteration: `record_overhead` plus "
    "`iteration_bytes`",
    NOT_SOLVED: "this workspace holds no solve of this problem that this call can go on from",
    NO_RECORD: "the solve was made with keep = 0",
}

ENUM = {name: n for name, n in vars().items() if name.isupper() and isinstance(n, int)}
