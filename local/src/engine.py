"""Runs the engine, with what AWS does and the engine does not.

A task's time-out may be an expression, as its other fields may.
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html

A function gets its next event at once. The engine sends it in two parts, of which Nagle's
algorithm holds back the second until the function's system has acknowledged the first, which
takes 40 ms (RFC 1122, 4.2.3.2 and 4.2.3.4).
"""

import socketserver
import sys

from ministack.app import main
from ministack.services import stepfunctions

execute_task = stepfunctions._execute_task


def execute_task_in_time(state, given, execution, context):
    if isinstance(state.get("TimeoutSeconds"), str):
        seconds = stepfunctions._jsonata_state_field(
            state, "TimeoutSeconds", "number", given, context
        )
        state = {**state, "TimeoutSeconds": seconds}
    return execute_task(state, given, execution, context)


stepfunctions._execute_task = execute_task_in_time
socketserver.StreamRequestHandler.disable_nagle_algorithm = True
sys.exit(main())
