"""Tables of what bench/change counted: one of what clients noticed and one of what the change left, for each part."""
import json

from report import table, text

HELD_UP_S = 3  # clients that the machine held up for longer may have taken that for a proxy's fault
FAILURES = ("refused", "unanswered", "cut", "bad")
REQUESTS = ("idle", "get", "post", "new", "slow")  # kinds of client; a tunnel is counted for itself


def of(sample, role, key):
    return sample["roles"].get(role, {}).get(key, 0)


def over(sample, roles, keys):
    return sum(of(sample, role, key) for role in roles for key in keys)


def number(value):
    return f"**{value:,}**" if value else "0"


def noticed(samples):
    head = ["proxy", "changes", "answered", "failed", "refused", "no answer", "cut", "5xx", "of them POST",
            "slow answers lost", "idle closed", "busy closed", "tunnels broken", "told to close", "longest connect, ms"]
    rows = []
    for proxy, sample in samples.items():
        refused = sample["refused"] + sample["left_out"]
        rows.append([proxy, f"{sample['done']:,}" + (f" ({refused:,} were not)" if refused else ""),
                     f"{over(sample, REQUESTS, ['answered']):,}", number(over(sample, REQUESTS, FAILURES)),
                     *(f"{over(sample, REQUESTS, [key]):,}" for key in FAILURES),
                     number(over(sample, ["post"], FAILURES)), number(over(sample, ["slow"], FAILURES)),
                     number(over(sample, ["idle"], ["closed"])),
                     number(over(sample, ("get", "post", "new", "slow"), ["closed"])),
                     number(over(sample, ["tunnel"], ("closed", *FAILURES))),
                     f"{over(sample, REQUESTS, ['told']):,}", text(sample["longest_ms"]["connect"])])
    return table(head, rows)


def behind(sample):
    """Idle connections whose last answer came from a configuration before the newest."""
    return sum(count for revision, count in sample["idle_revisions"].items() if int(revision) != sample["revision"])


def seconds(value):
    return f"{value:.1f} s" if value is not None else "later"


def left(samples):
    head = ["proxy", "processes before", "at the end", "memory then, MiB", "old ones gone with clients there",
            "and with clients gone", "idle ones answered by an older configuration"]
    return table(head, [[proxy, str(s["usual"]), str(s["processes"]), text(s["memory_bytes"] / 2**20),
                         seconds(s["gone_s"]), seconds(s["gone_without_clients_s"]), number(behind(s))]
                        for proxy, s in samples.items()])


def markdown(about, results):
    sizes = about["sizes"]
    lines = [f"{about['sluice']}, {about['nginx']}, {about['haproxy']}; Linux {about['kernel']}, "
             f"{about['cpus']} cores; {about['date']}; {about['workers']} workers each. Clients: {sizes['idle']:,} idle, "
             f"{sizes['busy']} with GET, {sizes['posts']} with POST, {sizes['new']} with a connection for each request, "
             f"{sizes['slow']} with answers of {about['slow_seconds']} s, {sizes['tunnels']} tunnels.", ""]
    for title, samples in results.items():
        lines += [f"### {title[0].upper()}{title[1:]}", "", *noticed(samples), *left(samples)]
        lines += [f"Not to be believed: the clients of {proxy} were held up for {sample['held_up_s']:.0f} s.\n"
                  for proxy, sample in samples.items() if sample["held_up_s"] > HELD_UP_S]
    return "\n".join(lines).rstrip() + "\n"


def save(directory, about, results):
    directory.mkdir(exist_ok=True)
    whole = markdown(about, results)
    print(whole)
    (directory / "change.md").write_text(whole)
    (directory / "change.json").write_text(json.dumps({"about": about, "results": results}, indent=1) + "\n")
