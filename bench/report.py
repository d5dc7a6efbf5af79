"""Tables of the samples: ratios first, then what they are made of."""
import json, statistics

import plot

PEERS = ("nginx", "haproxy", "floor")
TITLES = {"nginx": "nginx", "haproxy": "HAProxy", "floor": "the floor"}


def values(rounds, key):
    return [r[key] for r in rounds if r.get(key) is not None]


def median(rounds, key):
    found = values(rounds, key)
    return statistics.median(found) if found else None


def ratios(samples, peer, key, own="sluice"):
    """Of Sluice to the peer, within each round."""
    return [a[key] / b[key] for a, b in zip(samples.get(own, []), samples.get(peer, []))
            if a.get(key) is not None and b.get(key)]


def text(value, form="{:.1f}", otherwise="-"):
    return otherwise if value is None else form.format(value)


def spread(found, form="{:.2f}", bold=False):
    """The median, and the least and the most."""
    if not found:
        return "-"
    middle = form.format(statistics.median(found))
    middle = f"**{middle}**" if bold else middle
    return middle if len(found) == 1 else f"{middle} ({form.format(min(found))} to {form.format(max(found))})"


def table(head, rows):
    return ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head),
            *("| " + " | ".join(r) + " |" for r in rows), ""]


def ratio_table(results):
    head = ["scenario", *(f"CPU / {TITLES[p]}" for p in PEERS), *(f"p99 / {TITLES[p]}" for p in PEERS[:2])]
    rows = [[name, *(spread(ratios(samples, p, "cost"), bold=True) for p in PEERS),
             *(spread(ratios(samples, p, "p99_us")) for p in PEERS[:2])] for name, samples in results.items()]
    return table(head, rows)


def detail_table(results):
    head = ["scenario", "proxy", "CPU us/request", "user", "system", "system calls", "requests/s", "p50 us", "p99 us",
            "p99.9 us", "MB/CPU s", "failed"]
    rows = []
    for name, samples in results.items():
        for proxy, rounds in samples.items():
            if not rounds:
                continue
            rows.append([name, proxy, spread(values(rounds, "cpu_us"), "{:.1f}"), text(median(rounds, "user_us")),
                         text(median(rounds, "system_us")), text(median(rounds, "calls"), "{:.2f}"),
                         text(median(rounds, "rate"), "{:.0f}"),
                         *(text(median(rounds, f"p{p}_us"), "{:.0f}") for p in ("50", "99", "99.9")),
                         text(median(rounds, "mb_per_cpu_s"), "{:.0f}"), str(sum(values(rounds, "failed")))])
    return table(head, rows)


def idle_table(results):
    rows = []
    for name, samples in results.items():
        for proxy, rounds in samples.items():
            if values(rounds, "idle_bytes"):
                rows.append([proxy, spread(values(rounds, "idle_bytes"), "{:.0f}"),
                             spread(ratios(samples, proxy, "idle_bytes")) if proxy != "sluice" else "-",
                             text(median(rounds, "memory_bytes") / 2**20)])
    head = ["proxy", "bytes", "Sluice / it", "in all with 10,000 idle, MiB"]
    return ["### Memory of an idle connection (S7)", "", *table(head, rows)] if rows else []


def change_table(results):
    quiet = results.get("S9 quiet")
    if not quiet:
        return []
    rows = []
    for name, samples in results.items():
        if not name.startswith("S9") or samples is quiet:
            continue
        for proxy, rounds in samples.items():
            both = {"now": rounds, "quiet": quiet[proxy]}
            seconds = sum(r["requests"] / r["rate"] for r in rounds if r["rate"])
            rows.append([name, proxy, *(spread(ratios(both, "quiet", key, own="now"))
                                        for key in ("rate", "cpu_us", "p99.9_us")),
                         str(sum(values(rounds, "failed"))),
                         f"{sum(values(rounds, 'changes')) / max(1e-9, seconds):.0f}",
                         str(sum(values(rounds, "refused")))])
    head = ["scenario", "proxy", "requests/s / quiet", "CPU / quiet", "p99.9 / quiet", "failed", "changes/s", "refused"]
    return ["### Changes under load (S9), against the quiet run just before", "", *table(head, rows)]


def pools_table(results):
    rows = []
    for name, samples in results.items():
        for proxy, rounds in samples.items():
            if not values(rounds, "pools_bytes"):
                continue
            probing = median(rounds, "probing_us_per_s")
            rows.append([proxy, text(median(rounds, "pools_bytes") / 2**20), text(median(rounds, "reload_ms")),
                         text(probing and probing / 1000), text(median(rounds, "cpu_us"))])
    head = ["proxy", "memory MiB", "reload ms", "probing, CPU ms/s", "CPU us/request to the last pool"]
    return ["### 1,000 pools of 10 backends (S10)", "", *table(head, rows)] if rows else []


def workers_table(results):
    """What a second worker adds, in CPU terms: what two could do, each with a core of its own."""
    if not {"1", "2"} <= results.keys():
        return []
    rows = []
    for name, ones in results["1"].items():
        twos = results["2"].get(name, {})
        capacity = {p: 2 * median(ones[p], "cost") / median(twos[p], "cost") for p in ones
                    if median(ones[p], "cost") and median(twos.get(p, []), "cost")}
        if capacity:
            rows.append([name, *(text(capacity.get(p), "{:.2f}") for p in ("sluice", "nginx", "haproxy"))])
    return ["## Capacity of two workers, as a multiple of one's", "",
            *table(["scenario", "sluice", "nginx", "haproxy"], rows)]


def markdown(about, results):
    lines = [f"{about['sluice']} against {about['nginx']} and {about['haproxy']}; Linux {about['kernel']}, "
             f"{about['cpus']} cores; {about['date']}; {about['rounds']} rounds of {about['seconds']} s in turns. "
             "Medians, and the least and the most over the rounds.", ""]
    for workers, parts in results.items():
        cores = ", ".join(f"{who} on {which}" for who, which in about["cores"][int(workers)].items())
        lines += [f"## {workers} worker{'s' if workers != '1' else ''} (cores: {cores})", "",
                  "What Sluice takes, as a ratio to the others within a round; below 1 is better for Sluice.", "",
                  *ratio_table(parts), *idle_table(parts), *change_table(parts), *pools_table(parts),
                  "### All figures", "", *detail_table(parts)]
    lines += workers_table(results)
    lines += [f"Skipped: {name}: {why}." for name, why in about["skipped"].items()]
    return "\n".join(lines).rstrip() + "\n"


def save(directory, about, results):
    directory.mkdir(exist_ok=True)
    whole = markdown(about, results)
    print(whole)
    (directory / "latest.md").write_text(whole)
    (directory / "latest.json").write_text(json.dumps({"about": about, "results": results}, indent=1) + "\n")
    for workers, parts in results.items():
        rows = [(name, {p: ratios(samples, p, "cost") for p in PEERS}) for name, samples in parts.items()]
        (directory / f"latest-{workers}.svg").write_text(plot.svg(
            f"CPU time of Sluice as a ratio to the others, {workers} worker{'s' if workers != '1' else ''}",
            rows, {p: TITLES[p] for p in PEERS}))
