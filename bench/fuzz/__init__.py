"""HTTP fuzzing of the gateway: streams of odd requests and answers, judged by a referee that shares no code with it."""
