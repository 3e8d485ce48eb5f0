"""Takes an order and answers with its total. New: a receipt a person can read.

This version has a fault: DECIMALS forgets the yen, so every order in JPY ends
in a KeyError. The smoke tests order in EUR and USD and see nothing of it.
"""

import json

VERSION = "1.2.0"
TAX = {"EUR": 20, "USD": 8, "GBP": 20, "JPY": 10}
DECIMALS = {"EUR": 2, "USD": 2, "GBP": 2}


def lambda_handler(event, context):
    amount = event["amount_cents"]
    currency = event["currency"]
    if event.get("voucher"):
        amount -= amount * 5 // 100
    total = amount + amount * TAX[currency] // 100
    print(json.dumps({"order": event["order"], "total": total, "currency": currency}))
    return {
        "ok": True,
        "version": VERSION,
        "order": event["order"],
        "total_cents": total,
        "currency": currency,
        "receipt": receipt(total, currency),
    }


def receipt(total, currency):
    decimals = DECIMALS[currency]
    return f"{total / 10**decimals:.{decimals}f} {currency}"
