"""What people read on the simulator's pages, in English and Brazilian Portuguese."""

from flask import request

WORDS = {
    "en": {
        "test_payment": "Test payment — no money moves",
        "pay": "Pay {amount}",
        "payment": "Card payment",
        "keep_card": "Keep this card",
        "card_number": "Card number",
        "expiry": "Expiry date (MM / YY)",
        "cvc": "Security code (CVC)",
        "name": "Name on card (optional)",
        "test_cards": "Test cards",
        "use_card": "Use",
        "test_cards_hint": "Choose one, or type it. Any future date and any code will do.",
        "paid": "Paid",
        "receipt": "Receipt",
        "bank": "Your bank asks: is it you?",
        "bank_text": "A payment of {amount} needs your confirmation (3-D Secure).",
        "bank_setup": "Your bank needs your confirmation before this card is kept (3-D Secure).",
        "complete": "Complete",
        "fail": "Fail",
        "done": "Done",
        "done_text": "You can close this window and go back to the shop.",
        "back": "Back to the shop",
        "paypal": "Pay with PayPal",
        "paypal_to": "{brand} asks for {amount}.",
        "funding": "How shall the test payer pay?",
        "balance": "From the balance: succeeds",
        "declined": "With a card that is declined",
        "echeck": "By eCheck: pending, then succeeds",
        "echeck_bounces": "By eCheck: pending, then fails",
        "approve": "Approve",
        "cancel": "Cancel",
        "approved": "Approved",
        "cancelled": "Cancelled",
        "not_open": "This payment is not open any more.",
        "not_found": "There is no such payment.",
        "succeeds": "succeeds",
        "declined_card": "declined",
        "insufficient_funds": "declined: insufficient funds",
        "expired": "declined: card expired",
        "incorrect_cvc": "declined: wrong security code",
        "processing_error": "fails: processing error",
        "authenticate": "asks the bank every time (3-D Secure)",
        "authenticate_once": "asks the bank once (3-D Secure)",
        "disputed": "succeeds, then is disputed",
        "refund_pending": "refunds are pending at first",
        "refund_fails": "refunds fail later",
    },
    "pt-BR": {
        "test_payment": "Pagamento de teste — nenhum dinheiro é movimentado",
        "pay": "Pagar {amount}",
        "payment": "Pagamento com cartão",
        "keep_card": "Guardar este cartão",
        "card_number": "Número do cartão",
        "expiry": "Validade (MM / AA)",
        "cvc": "Código de segurança (CVC)",
        "name": "Nome no cartão (opcional)",
        "test_cards": "Cartões de teste",
        "use_card": "Usar",
        "test_cards_hint": "Escolha um ou digite. Qualquer data futura e qualquer código servem.",
        "paid": "Pago",
        "receipt": "Recibo",
        "bank": "Seu banco pergunta: é você?",
        "bank_text": "Um pagamento de {amount} precisa da sua confirmação (3-D Secure).",
        "bank_setup": "Seu banco precisa da sua confirmação antes de guardar este cartão (3-D Secure).",
        "complete": "Confirmar",
        "fail": "Recusar",
        "done": "Pronto",
        "done_text": "Você pode fechar esta janela e voltar à loja.",
        "back": "Voltar à loja",
        "paypal": "Pagar com PayPal",
        "paypal_to": "{brand} pede {amount}.",
        "funding": "Como o pagador de teste deve pagar?",
        "balance": "Com o saldo: funciona",
        "declined": "Com um cartão que é recusado",
        "echeck": "Por eCheck: pendente, depois funciona",
        "echeck_bounces": "Por eCheck: pendente, depois falha",
        "approve": "Aprovar",
        "cancel": "Cancelar",
        "approved": "Aprovado",
        "cancelled": "Cancelado",
        "not_open": "Este pagamento não está mais aberto.",
        "not_found": "Este pagamento não existe.",
        "succeeds": "funciona",
        "declined_card": "recusado",
        "insufficient_funds": "recusado: saldo insuficiente",
        "expired": "recusado: cartão vencido",
        "incorrect_cvc": "recusado: código de segurança errado",
        "processing_error": "falha: erro de processamento",
        "authenticate": "sempre pergunta ao banco (3-D Secure)",
        "authenticate_once": "pergunta ao banco uma vez (3-D Secure)",
        "disputed": "funciona, depois é contestado",
        "refund_pending": "reembolsos ficam pendentes no início",
        "refund_fails": "reembolsos falham depois",
    },
}
_MESSAGES_PT = {
    "insufficient_funds": "Seu cartão não tem saldo suficiente.",
    "card_declined": "Seu cartão foi recusado.",
    "expired_card": "Seu cartão está vencido.",
    "incorrect_cvc": "O código de segurança do cartão está incorreto.",
    "processing_error": "Ocorreu um erro ao processar o cartão. Tente de novo em instantes.",
    "incorrect_number": "O número do cartão está incorreto.",
    "invalid_cvc": "O código de segurança do cartão é inválido.",
    "invalid_expiry_month": "O mês de validade do cartão é inválido.",
    "invalid_expiry_year": "O ano de validade do cartão é inválido.",
    "payment_intent_authentication_failure": "O banco não confirmou o pagamento. Tente de novo ou use outro cartão.",
}


def language() -> str:
    """By the `locale` argument, or what the browser prefers."""
    wanted = request.values.get("locale", "").replace("_", "-").lower()
    if wanted in ("", "auto"):
        return request.accept_languages.best_match(list(WORDS), "en") or "en"
    return "pt-BR" if wanted.startswith("pt") else "en"


def message(error: dict, language: str) -> str:
    """What went wrong, in the reader's language where we know it."""
    if language != "pt-BR":
        return error["message"]
    known = (_MESSAGES_PT.get(error.get(key, "")) for key in ("decline_code", "code"))
    return next(filter(None, known), error["message"])
