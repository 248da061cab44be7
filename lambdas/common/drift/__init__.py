"""Whether what the endpoint sees and answers has drifted from its baseline. Pure, numpy alone."""
