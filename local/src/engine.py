"""Runs the engine, with what Step Functions does and the engine does not: a task's
time-out may be an expression, as its other fields may.
https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html
"""

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
sys.exit(main())
