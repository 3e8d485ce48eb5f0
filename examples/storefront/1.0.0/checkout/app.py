"""Takes an order and answers with its total."""

import json

VERSION = "1.0.0"
TAX = {"EUR": 20, "USD": 8, "GBP": 20, "JPY": 10}


def lambda_handler(event, context):
    amount = event["amount_cents"]
    currency = event["currency"]
    total = amount + amount * TAX[currency] // 100
    print(json.dumps({"order": event["order"], "total": total, "currency": currency}))
    return {
        "ok": True,
        "version": VERSION,
        "order": event["order"],
        "total_cents": total,
        "currency": currency,
    }
