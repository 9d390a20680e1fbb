"""All samples of a run, and what is said of them: medians, spreads, ratios within a round."""
from statistics import median

# What each entry of report.json has, null where it does not apply.
CONTRACT = ("workload", "sut", "path", "rps", "gbps", "p50_us", "p99_us", "p999_us",
            "busy_cycles_per_request", "wrong", "instructions_per_request",
            "allocations_per_request")
SUMMED = ("wrong", "connect_failures", "resets", "timeouts", "retransmits")
MEDIANS = ("rps", "gbps", "p50_us", "p99_us", "p999_us", "busy_cycles_per_request",
           "instructions_per_request", "allocations_per_request", "foreign_receive_cycles",
           "receive_cycles_elsewhere", "one_core_rps", "added_p50_us", "added_p99_us",
           "added_p999_us", "window_p50_us",
           "window_p99_us", "tenth_rps", "tenth_p99_us", "tenth_window_p99_us",
           "added_window_p50_us", "added_window_p99_us", "rate", "reloads",
           "connections", "held", "served_again", "lost",
           "ramp_seconds", "bytes_per_connection", "process_bytes_per_connection",
           "kernel_bytes_per_connection", "upstream_connections")


def middle(values):
    """The median of what there is."""
    there = [v for v in values if v is not None]
    return median(there) if there else None


class Results:
    """Samples by workload and system, in the order of their rounds."""

    def __init__(self):
        self.samples = {}   # (workload, sut, path): [sample]
        self.attached = {}  # the same: fields that are not medians
        self.notes = []     # sentences for the report: what failed, what is missing and why

    def add(self, workload, system, sample, round_number=0):
        key = (workload, system.name, system.path)
        self.samples.setdefault(key, []).append({**sample, "round": round_number})

    def attach(self, workload, system, **fields):
        """Fields of an entry that come from elsewhere, or reasons: an entry without samples."""
        key = (workload, system.name, system.path)
        self.samples.setdefault(key, [])
        self.attached.setdefault(key, {}).update(fields)

    def note(self, sentence):
        if sentence not in self.notes:
            self.notes.append(sentence)

    def entry(self, workload, sut, path):
        """One entry of the report; None when there is none."""
        key = (workload, sut, path)
        if key not in self.samples:
            return None
        samples = self.samples[key]
        entry = dict.fromkeys(CONTRACT)
        entry.update(zip(("workload", "sut", "path"), key))
        for name in MEDIANS:
            if any(name in s for s in samples):
                entry[name] = middle(s.get(name) for s in samples)
        for name in SUMMED:
            if any(name in s for s in samples):
                entry[name] = sum(s.get(name, 0) for s in samples)
        rates = [s["rps"] for s in samples if "rps" in s]
        if rates:
            entry["rps_rounds"] = rates
        examples = [e for s in samples for e in s.get("wrong_examples", ())]
        if examples:
            entry["wrong_examples"] = examples
        entry.update(self.attached.get(key, {}))
        return entry

    def entries(self):
        return [self.entry(*key) for key in self.samples]

    def ratios(self, workload, path, unit="rps"):
        """weir over the better peer, round by round."""
        ours = {s["round"]: s.get(unit) for s in self.samples.get((workload, "weir", path), [])}
        theirs = {}
        for sut in ("nginx", "haproxy"):
            for s in self.samples.get((workload, sut, "veth"), []):
                theirs[s["round"]] = max(theirs.get(s["round"], 0), s.get(unit) or 0)
        return [ours[r] / theirs[r] for r in ours if ours[r] and theirs.get(r)]

    def shares(self, workload, base, system, field):
        """A field of one workload over that of another of the same round."""
        of_base = {s["round"]: s.get(field) for s in self.samples.get((base, *system), [])}
        return [s[field] / of_base[s["round"]] for s in self.samples.get((workload, *system), [])
                if s.get(field) and of_base.get(s["round"])]

    def wrong(self):
        """Wrong answers of the whole run; those of a peer that reloads are its own affair."""
        return sum(s.get("wrong", 0) for (workload, sut, _), samples in self.samples.items()
                   for s in samples if sut == "weir" or workload != "reload")
