// Programs with an exception callback: alone, shared, called besides, missing, hidden, named twice.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#define CALLBACK(name) __attribute__((btf_decl_tag("exception_callback:" #name)))

__attribute__((noinline)) int leaf(__u64 x) { return x * 3; }

__attribute__((noinline)) int on_throw(__u64 cookie) { return leaf(cookie) + 1; }

__attribute__((noinline, visibility("hidden"))) int unseen(__u64 cookie) { return cookie; }

SEC("tc")
CALLBACK(on_throw)
int throws(struct __sk_buff* skb) { return skb->len; }

SEC("tc")
CALLBACK(on_throw)
int calls_leaf_first(struct __sk_buff* skb) { return leaf(skb->len); }

SEC("tc")
CALLBACK(on_throw)
int calls_it(struct __sk_buff* skb) { return on_throw(skb->len) + leaf(skb->mark); }

SEC("tc")
CALLBACK(nowhere)
int misses(struct __sk_buff* skb) { return skb->len; }

SEC("tc")
CALLBACK(unseen)
int cannot_see(struct __sk_buff* skb) { return skb->len; }

SEC("tc")
CALLBACK(on_throw)
CALLBACK(leaf)
int cannot_choose(struct __sk_buff* skb) { return skb->len; }

SEC("tc")
int has_none(struct __sk_buff* skb) { return skb->len; }

char _license[] SEC("license") = "GPL";
