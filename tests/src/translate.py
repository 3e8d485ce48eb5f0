"""Prints a SAM template as CloudFormation gets it, as JSON.

    python translate.py <template>

The same translator runs at AWS. It never sees code: a placeholder stands where
`sam deploy` puts the place that it uploaded to.
"""

import json
import os
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class NoPolicies:
    """IAM's list of AWS's own policies. No template here names one in short."""

    @staticmethod
    def load():
        return {}


os.environ["AWS_DEFAULT_REGION"] = "us-east-1"
with open(sys.argv[1], encoding="utf-8") as file:
    template = yaml_parse(file.read())
template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
json.dump(transform(template, {}, NoPolicies()), sys.stdout)
