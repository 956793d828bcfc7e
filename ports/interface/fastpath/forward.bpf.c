/* The programs by which the kernel carries conversations that the switch has decided on.
 *
 * tapswitch_decide  is the filter of a port's packet sockets. It looks the frame up. A frame that
 *                   the switch is to see passes into the socket. For any other it leaves a verdict
 *                   in the frame itself (cb), and the socket does not get it.
 * tapswitch_carry   is at the ingress of the interface, behind the packet sockets. It carries the
 *                   verdict out, and drops what has none, which keeps the host's network stack out.
 * tapswitch_tap     is at the egress of a TAP of the switch, by which the host sends. It does both:
 *                   what the switch is to see goes on into the queue of the TAP.
 *
 * One look-up decides, so each frame goes one way only, whatever is changed meanwhile. The kernel
 * runs the first two for a frame in one call (net/core/dev.c, __netif_receive_skb_core), and clears
 * cb before a filter that uses it (bpf_prog_run_clear_cb). */

#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
/* The types come first. */
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "ports/interface/fastpath/fastpath_abi.h"

enum { ALL_BYTES = 0x7fffffff, TAG_SIZE = 4, VID_MASK = 0xfff };
enum { TYPE_C_TAG = 0x8100, TYPE_S_TAG = 0x88a8 };

/* TCX_NEXT, newer than Debian 12's headers: the frame goes on. */
enum { GOES_ON = -1 };

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, TAPSWITCH_MOST_FLOWS);
  __type(key, struct tapswitch_flow_key);
  __type(value, struct tapswitch_flow);
} flows SEC(".maps");

/* The seat of the port on an interface. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, TAPSWITCH_MOST_INTERFACES);
  __type(key, __u32);
  __type(value, __u32);
} interfaces SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, TAPSWITCH_GENERATIONS);
  __type(key, __u32);
  __type(value, __u64);
} generations SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, TAPSWITCH_MOST_SEATS);
  __type(key, __u32);
  __type(value, struct tapswitch_seat);
} seats SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, TAPSWITCH_MOST_CELLS);
  __type(key, __u32);
  __type(value, struct tapswitch_cell);
} cells SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(map_flags, BPF_F_MMAPABLE);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tapswitch_settings);
} settings SEC(".maps");

const volatile struct tapswitch_constants constants;

/* The switch's: counted as seen before it is queued. */
static __always_inline void count_seen(const struct __sk_buff *skb) {
  __u32 ifindex = skb->ifindex;
  __u32 *number = bpf_map_lookup_elem(&interfaces, &ifindex);
  struct tapswitch_seat *seat = number ? bpf_map_lookup_elem(&seats, number) : 0;
  if (seat) __sync_fetch_and_add(&seat->seen, 1);
}

static __always_inline int is_generation(__u32 place, __u64 expected) {
  __u64 *generation = bpf_map_lookup_elem(&generations, &place);
  return generation && *(volatile __u64 *)generation == expected;
}

static __always_inline int is_current(const struct tapswitch_flow *flow) {
  return is_generation(TAPSWITCH_VIEW_GENERATION, flow->view_generation) &&
         is_generation(flow->ingress_slot, flow->ingress_generation) &&
         is_generation(flow->egress_slot, flow->egress_generation);
}

static __always_inline int fits(const struct __sk_buff *skb, const struct tapswitch_flow *flow) {
  __u32 gso_size = skb->gso_size;
  return gso_size ? gso_size <= flow->max_gso_size : skb->len <= flow->max_length;
}

/* As Protocols::may_want. */
static __always_inline int switch_looks_at(__u32 type) {
  __u32 only = 0;
  const struct tapswitch_settings *now = bpf_map_lookup_elem(&settings, &only);
  return now && ((*(volatile __u64 *)&now->type_filter >> ((type ^ (type >> 6)) & 63)) & 1);
}

/* Whether no frame of the port is on its way through the switch. `done` never overtakes `seen`: so
 * if what was done at first equals what is seen then, it was all at that first moment. */
static __always_inline int is_empty(struct tapswitch_seat *seat) {
  __u64 done = __sync_fetch_and_add(&seat->done, 0);
  return done == __sync_fetch_and_add(&seat->seen, 0);
}

static __always_inline void count(const struct __sk_buff *skb, const struct tapswitch_flow *flow) {
  __u32 ingress_cell = flow->ingress_cell, egress_cell = flow->egress_cell;
  __u64 size = skb->len + (skb->vlan_present ? TAG_SIZE : 0);
  struct tapswitch_cell *cell = bpf_map_lookup_elem(&cells, &ingress_cell);
  if (cell) {
    cell->received_frames += 1;
    cell->received_bytes += size;
  }
  cell = bpf_map_lookup_elem(&cells, &egress_cell);
  if (cell) {
    cell->sent_frames += 1;
    cell->forwarded_bytes += size;
    if (flow->edit == TAPSWITCH_EDIT_PUSH) size += TAG_SIZE;
    if (flow->edit == TAPSWITCH_EDIT_POP) size -= TAG_SIZE;
    cell->sent_bytes += size;
  }
}

static __always_inline void count_drained(const struct tapswitch_flow *flow) {
  __u32 number = flow->ingress_cell;
  struct tapswitch_cell *cell = bpf_map_lookup_elem(&cells, &number);
  if (cell) cell->drained += 1;
}

enum decision {
  TO_SWITCH,
  DRAINED, /* it is dropped */
  CARRIED, /* as the flow says */
};

/* Decides on a frame, and counts it. `type` is that behind the tag beside the frame, if any. */
static __always_inline enum decision decide(struct __sk_buff *skb, struct tapswitch_flow_key *key,
                                            __u32 type, struct tapswitch_flow **found) {
  struct tapswitch_flow *flow;
  __u16 tag_type = 0, vid = 0;
  if (skb->vlan_present) {
    tag_type = bpf_ntohs((__u16)skb->vlan_proto);
    vid = skb->vlan_tci & VID_MASK;
  }
  /* Each member is written once: without CAP_PERFMON the verifier of Linux 6.1 refuses to store a
   * part of eight bytes that were stored at once before, as by {}. */
  key->ifindex = skb->ifindex;
  key->tag_type = tag_type;
  key->vid = vid;
  flow = bpf_map_lookup_elem(&flows, key);
  if (!flow || !fits(skb, flow) || switch_looks_at(type) || !is_current(flow)) return TO_SWITCH;
  if (*(volatile __u32 *)&flow->state == TAPSWITCH_FLOW_PENDING) {
    __u32 number = flow->seat;
    struct tapswitch_seat *seat = bpf_map_lookup_elem(&seats, &number);
    if (!seat) return TO_SWITCH;
    if (!is_empty(seat)) {
      if (!*(volatile __u64 *)&seat->drain) return TO_SWITCH;
      count_drained(flow);
      return DRAINED;
    }
    *(volatile __u32 *)&flow->state = TAPSWITCH_FLOW_ACTIVE;
  }
  flow->hits += 1;
  flow->bytes += skb->len;
  flow->type = type;
  count(skb, flow);
  *found = flow;
  return CARRIED;
}

SEC("socket")
int tapswitch_decide(struct __sk_buff *skb) {
  struct tapswitch_flow_key key;
  struct tapswitch_flow *flow = 0;
  enum decision decision = TO_SWITCH;
  /* A fanout group is shown outgoing frames before Linux 6.2. */
  if (skb->pkt_type == PACKET_OUTGOING) return 0;
  skb->cb[TAPSWITCH_VERDICT_MARK] = 0;
  if (!bpf_skb_load_bytes(skb, 0, key.addresses, sizeof(key.addresses))) {
    decision = decide(skb, &key, bpf_ntohs((__u16)skb->protocol), &flow);
  }
  if (decision == DRAINED) return 0;
  if (decision != CARRIED || !flow) {
    count_seen(skb);
    return ALL_BYTES;
  }
  skb->cb[TAPSWITCH_VERDICT_EGRESS] = flow->egress_ifindex;
  skb->cb[TAPSWITCH_VERDICT_TAG] = ((__u32)flow->tag_type << 16) | flow->tag_control;
  skb->cb[TAPSWITCH_VERDICT_ACTION] = flow->edit | ((__u32)flow->way << 8);
  skb->cb[TAPSWITCH_VERDICT_CELL] = flow->egress_cell;
  skb->cb[TAPSWITCH_VERDICT_MARK] = constants.mark ^ skb->ifindex;
  return 0;
}

static __always_inline int edit_tag(struct __sk_buff *skb, __u32 edit, __u32 tag) {
  if (edit == TAPSWITCH_EDIT_PUSH) {
    return bpf_skb_vlan_push(skb, bpf_htons(tag >> 16), tag & 0xffff);
  }
  return edit == TAPSWITCH_EDIT_POP ? bpf_skb_vlan_pop(skb) : 0;
}

/* In this form, as the verifier takes no address that was computed from that of the frame, which
 * the compiler likes to use for neighbours. */
static __always_inline void clear_word(struct __sk_buff *skb, const int word) {
  __asm__ volatile("*(u32 *)(%[skb] + %[offset]) = %[zero]"
                   :
                   : [skb] "r"(skb),
                     [offset] "i"(__builtin_offsetof(struct __sk_buff, cb) + word * sizeof(__u32)),
                     [zero] "r"(0)
                   : "memory");
}

static __always_inline int fail(__u32 number) {
  struct tapswitch_cell *cell = bpf_map_lookup_elem(&cells, &number);
  if (cell) cell->failed += 1;
  return TC_ACT_SHOT;
}

SEC("tc")
int tapswitch_carry(struct __sk_buff *skb) {
  __u32 egress = skb->cb[TAPSWITCH_VERDICT_EGRESS];
  __u32 tag = skb->cb[TAPSWITCH_VERDICT_TAG];
  __u32 action = skb->cb[TAPSWITCH_VERDICT_ACTION];
  __u32 cell = skb->cb[TAPSWITCH_VERDICT_CELL];
  if (skb->cb[TAPSWITCH_VERDICT_MARK] != (constants.mark ^ skb->ifindex)) return TC_ACT_SHOT;
  clear_word(skb, TAPSWITCH_VERDICT_MARK);
  clear_word(skb, TAPSWITCH_VERDICT_EGRESS);
  clear_word(skb, TAPSWITCH_VERDICT_TAG);
  clear_word(skb, TAPSWITCH_VERDICT_ACTION);
  clear_word(skb, TAPSWITCH_VERDICT_CELL);
  if (edit_tag(skb, action & 0xff, tag)) return fail(cell);
  if (action >> 8 == TAPSWITCH_WAY_IN) return bpf_redirect(egress, BPF_F_INGRESS);
  if (action >> 8 != TAPSWITCH_WAY_PEER) return bpf_redirect(egress, 0);
  if (bpf_skb_change_type(skb, PACKET_HOST)) return fail(cell);
  return bpf_redirect_peer(egress, 0);
}

/* Here the kernel has not looked into the frame: a tag may be in its bytes, and what the sender
 * says of its type may be wrong. There is no way right into a veth's other end from here. */
SEC("tc")
int tapswitch_tap(struct __sk_buff *skb) {
  struct tapswitch_flow_key key;
  struct tapswitch_flow *flow = 0;
  enum decision decision = TO_SWITCH;
  __u16 wire_type;
  __u32 type, egress, cell;
  if (!bpf_skb_load_bytes(skb, 0, key.addresses, sizeof(key.addresses)) &&
      !bpf_skb_load_bytes(skb, sizeof(key.addresses), &wire_type, sizeof(wire_type))) {
    type = bpf_ntohs(wire_type);
    if (skb->vlan_present || (type != TYPE_C_TAG && type != TYPE_S_TAG)) {
      decision = decide(skb, &key, type, &flow);
    }
  }
  if (decision == DRAINED) return TC_ACT_SHOT;
  if (decision != CARRIED || !flow) {
    count_seen(skb);
    return GOES_ON;
  }
  egress = flow->egress_ifindex;
  cell = flow->egress_cell;
  if (edit_tag(skb, flow->edit, ((__u32)flow->tag_type << 16) | flow->tag_control)) {
    return fail(cell);
  }
  return bpf_redirect(egress, flow->way == TAPSWITCH_WAY_IN ? BPF_F_INGRESS : 0);
}

char program_license[] SEC("license") = "Apache-2.0";
