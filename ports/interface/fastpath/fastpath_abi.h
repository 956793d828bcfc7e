// The layout of the maps that the programs in the kernel and the switch share. It is C, as both
// sides compile it. Numbers are in the byte order of the machine, where nothing else is said.

#pragma once

#include <linux/types.h>

/* Sizes of the maps. */
enum tapswitch_size {
  TAPSWITCH_MOST_FLOWS = 16384,
  TAPSWITCH_MOST_CELLS = 8192,
  TAPSWITCH_MOST_SEATS = 4096,
  TAPSWITCH_MOST_INTERFACES = 4096,
  /* A generation for each port of a bridge, by its id, and one for what concerns all ports. */
  TAPSWITCH_VIEW_GENERATION = 1024,
  TAPSWITCH_GENERATIONS,
};

/* One direction of a conversation, as its frames are when they come in. */
struct tapswitch_flow_key {
  __u32 ifindex;      /* of the port that they come in by */
  __u16 tag_type;     /* TPID of their outermost tag; 0: there is none */
  __u16 vid;          /* of that tag */
  __u8 addresses[12]; /* destination, source: as on the wire */
};

enum tapswitch_edit {
  TAPSWITCH_EDIT_KEEP,
  TAPSWITCH_EDIT_PUSH, /* a tag in front of any other */
  TAPSWITCH_EDIT_POP,  /* the outermost tag */
};

/* How a frame gets to the egress port. */
enum tapswitch_way {
  TAPSWITCH_WAY_OUT,  /* it leaves by the interface */
  TAPSWITCH_WAY_PEER, /* right into the other end of the veth pair */
  TAPSWITCH_WAY_IN,   /* it comes in by the interface: that of a TAP, whose user is the host */
};

enum tapswitch_flow_state {
  TAPSWITCH_FLOW_ACTIVE,
  /* Earlier frames may still be on their way through the switch. The program makes it active. */
  TAPSWITCH_FLOW_PENDING,
};

/* What becomes of such frames, as long as the generations are those of now. */
struct tapswitch_flow {
  __u64 view_generation;
  __u64 ingress_generation;
  __u64 egress_generation;
  __u64 hits;  /* grows with use; not exact */
  __u64 bytes; /* of these */
  __u32 state;
  __u32 egress_ifindex;
  __u32 seat; /* of the ingress port */
  __u32 ingress_cell;
  __u32 egress_cell;
  __u32 max_length;   /* with the MAC header, without the tag; of frames that are not to be cut */
  __u32 max_gso_size; /* of frames that are to be cut; 0: none is taken */
  __u16 ingress_slot; /* the place of its generation */
  __u16 egress_slot;
  __u16 tag_type; /* of the tag that is pushed */
  __u16 tag_control;
  __u8 edit;
  __u8 way;
  __u16 type; /* EtherType of the last of these frames, behind the tag beside it */
  __u8 unused[4];
};

/* A seat counts the frames that the sockets of a port, or the queues of a TAP, are given. Each is
 * seen before it is queued, and done when the switch has sent what came of it, or when it was lost.
 * When both are equal, no frame of the port is on its way through the switch. Those who write have
 * cache lines of their own. */
struct tapswitch_seat {
  __u64 seen; /* the program's */
  __u64 unused_1[7];
  __u64 done;  /* the switch's */
  __u64 drain; /* frames of pending flows are dropped rather than queued, when not 0 */
  __u64 unused_2[6];
};

/* The traffic of a port in a VLAN that the kernel carries, on one processor. */
struct tapswitch_cell {
  __u64 received_frames;
  __u64 received_bytes;
  __u64 sent_frames;
  __u64 sent_bytes;      /* as they leave */
  __u64 forwarded_bytes; /* of the sent frames, as they came */
  __u64 drained;         /* received frames that were dropped for tapswitch_seat.drain */
  __u64 failed;          /* of the sent frames: their tag could not be changed */
};

struct tapswitch_settings {
  /* EtherTypes that the switch looks at itself, as a set of hashes: see Protocols::may_want. */
  __u64 type_filter;
};

/* Constants of one switch, set before the programs are loaded. */
struct tapswitch_constants {
  /* A verdict is told by this XOR the ifindex. The highest bit is set. */
  __u32 mark;
};

/* The verdict that the filter leaves in the five words of `cb`. */
enum tapswitch_verdict_word {
  TAPSWITCH_VERDICT_MARK,
  TAPSWITCH_VERDICT_EGRESS,
  TAPSWITCH_VERDICT_TAG,    /* type << 16 | control */
  TAPSWITCH_VERDICT_ACTION, /* edit | way << 8 */
  TAPSWITCH_VERDICT_CELL,   /* of the egress */
};
