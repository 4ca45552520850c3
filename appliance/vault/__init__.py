"""The vault: sealed objects on the medium, and the ledger of what is owed to whom. DECISIONS.md gives the reasons."""
