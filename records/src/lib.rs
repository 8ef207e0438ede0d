//! Bitcoin prices, transactions, blocks and money, and the parsers of every provider's messages.
