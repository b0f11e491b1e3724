const m = new Map(); for (const w of "the quick brown fox jumps over the lazy dog the end".split(" ")) m.set(w, (m.get(w) || 0) + 1);
print([...m].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([k, v]) => k + ":" + v).join(" "));
function* fib() { let [a, b] = [0, 1]; for (;;) { yield a; [a, b] = [b, a + b]; } }
let out = []; for (const x of fib()) { if (x > 1000) break; out.push(x); } print(out.join(","));
class P { constructor(x) { this.x = x; } get twice() { return this.x * 2; } } print(JSON.stringify({ a: new P(21).twice, b: [1, 2, { c: null }], d: /(\d+)-(\d+)/.exec("10-20").slice(1) }));
print(eval("1+2*3"), (0.1 + 0.2).toFixed(3), "abc".replace(/b/g, x => x.toUpperCase()), typeof Symbol.iterator);
