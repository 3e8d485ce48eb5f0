#!@python@
"""Stands in front of one of Sluice's functions, or of a child execution, and
misbehaves in the way that its event names. A runtime of its own, since only such
a one can give an error any name:
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

The event: `fault`; `function` and `event`, what would have been called and with
what; `attempt`, from 0; `seconds`, the task's time-out; `notes`, where a parameter
is left; `execution`, whom to stop; `token`, if the task waits for one.

A task that waits for a token hears of an error of its function on AWS, and not on
the embedded engine. So the error is sent under the token as well.
"""

import http.client
import json
import os
import time

INVOCATION = "/2018-06-01/runtime/invocation/"


def serve():
    runtime = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])

    def ask(method, path, body=None):
        runtime.request(method, INVOCATION + path, None if body is None else json.dumps(body))
        answer = runtime.getresponse()
        return answer.headers["Lambda-Runtime-Aws-Request-Id"], answer.read()

    while True:
        request, event = ask("GET", "next")
        try:
            ask("POST", request + "/response", handle(json.loads(event)))
        except Exception as error:
            named = {"errorType": type(error).__name__, "errorMessage": str(error)}
            ask("POST", request + "/error", named)


def handle(event):
    token = event.get("token")
    try:
        return FAULTS[event["fault"]](event)
    except Exception as error:
        if token:
            send("failure", token, error=type(error).__name__, cause=str(error))
        raise


def client(service):
    # Most faults need none, and its import is what a cold start takes.
    import boto3

    return boto3.client(service)


def send(what, token, **answer):
    stepfunctions = client("stepfunctions")
    try:
        getattr(stepfunctions, "send_task_" + what)(taskToken=token, **answer)
    except (
        stepfunctions.exceptions.TaskDoesNotExist,
        stepfunctions.exceptions.TaskTimedOut,
    ):
        pass  # It has ended already, and what ended it counts.


def fail(name, message):
    raise type(name, (Exception,), {})(message)


def call(event):
    payload = json.dumps(event["event"]).encode()
    answer = client("lambda").invoke(FunctionName=event["function"], Payload=payload)
    body = json.load(answer["Payload"])
    if "FunctionError" in answer:
        fail(body["errorType"], body["errorMessage"])
    return body


def throws(event):
    fail("RuntimeError", "a fault was put in")


def times_out(event):
    # Nobody waits for the answer: for the token's holder to speak, at the most.
    if "token" not in event:
        time.sleep(event["seconds"] + 0.5)


def crashes(event):
    if "token" in event:
        send("failure", event["token"], error="Lambda.Unknown", cause="it crashed")
    os._exit(1)


def malformed(event):
    call(event)
    nonsense = {"fine": True}
    if "token" in event:
        send("success", event["token"], output=json.dumps(nonsense))
    return nonsense


def throttled_three_times(event):
    if event["attempt"] < 3:
        fail("Lambda.TooManyRequestsException", "Rate Exceeded.")
    return call(event)


def access_denied(event):
    # What a task ends with whose state machine may not invoke its function.
    fail(
        "Lambda.AWSLambdaException",
        "User is not authorized to perform: lambda:InvokeFunction",
    )


def answer_lost(event):
    answer = call(event)
    if event["attempt"] == 0:
        fail("Lambda.SdkClientException", "the answer was lost")
    return answer


def runs_twice(event):
    call(event)
    return call(event)


def writes_after_time_out(event):
    ssm = client("ssm")
    notes = "%s/%d" % (event["notes"], event["attempt"])

    def note(name, value):
        ssm.put_parameter(Name=name, Type="String", Value=json.dumps(value))

    note(notes, event["event"])
    try:
        times_out(event)
        # A task that waits for a token would hear an answer: whoever reads
        # the note calls later.
        if "token" not in event:
            call(event)
    finally:
        note(notes + "/done", True)


def stopped(event):
    answer = call(event) if "function" in event else None
    client("stepfunctions").stop_execution(
        executionArn=event["execution"], error="Stopped", cause="by hand"
    )
    return answer


FAULTS = {
    fault.__name__: fault
    for fault in (
        throws,
        times_out,
        crashes,
        malformed,
        throttled_three_times,
        access_denied,
        answer_lost,
        runs_twice,
        writes_after_time_out,
        stopped,
    )
}

if __name__ == "__main__":
    serve()
