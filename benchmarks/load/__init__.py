"""Eight workers that train while people ask: what does it cost, and who waits for whom?"""
