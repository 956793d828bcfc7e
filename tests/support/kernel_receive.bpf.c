/* What the kernel does with a frame that comes in by an interface of the switch, as one program for
 * BPF_PROG_TEST_RUN: the two programs of ports/interface/fastpath/forward.bpf.c, as they are, one
 * after the other on the same frame. BPF_PROG_TEST_RUN hands a program no tag but as payload, while
 * the kernel has taken the outermost one off before its taps see a frame; so does this one.
 * kernel_send is the same for one that the host sends by a TAP of the switch. */

#include <linux/bpf.h>
#include <linux/types.h>
/* The types come first. */
#include <bpf/bpf_helpers.h>

__attribute__((always_inline)) int tapswitch_decide(struct __sk_buff* skb);
__attribute__((always_inline)) int tapswitch_carry(struct __sk_buff* skb);
__attribute__((always_inline)) int tapswitch_tap(struct __sk_buff* skb);

/* Notes where a frame goes. */
static __always_inline int note_redirect(struct __sk_buff* skb, __u32 ifindex, __u64 flags) {
  skb->mark = ifindex;
  skb->priority = (__u32)flags;
  return (int)bpf_redirect(ifindex, flags);
}
#define bpf_redirect(ifindex, flags) note_redirect(skb, ifindex, flags)

#include "ports/interface/fastpath/forward.bpf.c"
#include "tests/support/kernel_receive_abi.h"

static __always_inline void note_tag(struct __sk_buff* skb) {
  skb->cb[RECEIVE_HAS_TAG] = skb->vlan_present;
  skb->cb[RECEIVE_TAG] = ((__u32)bpf_ntohs((__u16)skb->vlan_proto) << 16) | skb->vlan_tci;
}

SEC("tc")
int kernel_receive(struct __sk_buff* skb) {
  __u32 tag = skb->mark;
  __u32 left = 0, egress;
  int result;
  if (tag && bpf_skb_vlan_push(skb, bpf_htons(tag >> 16), tag & 0xffff)) return RECEIVE_NO_TAG;
  if (tapswitch_decide(skb)) return RECEIVE_BY_SWITCH;
  egress = skb->cb[TAPSWITCH_VERDICT_EGRESS];
  tag = skb->cb[TAPSWITCH_VERDICT_ACTION];
  result = tapswitch_carry(skb);
  left = skb->cb[0] | skb->cb[1] | skb->cb[2] | skb->cb[3] | skb->cb[4];
  skb->mark = egress;
  skb->cb[RECEIVE_LEFT] = left;
  skb->cb[RECEIVE_ACTION] = tag;
  note_tag(skb);
  return result;
}

SEC("tc")
int kernel_send(struct __sk_buff* skb) {
  __u32 tag = skb->mark;
  int result;
  if (tag && bpf_skb_vlan_push(skb, bpf_htons(tag >> 16), tag & 0xffff)) return RECEIVE_NO_TAG;
  result = tapswitch_tap(skb);
  if (result == GOES_ON) return RECEIVE_BY_SWITCH;
  skb->cb[RECEIVE_LEFT] = 0;
  skb->cb[RECEIVE_ACTION] = 0;
  note_tag(skb);
  return result;
}
