// The results of kernel_receive.bpf.c beside the frame. It is C, as both sides compile it.

#pragma once

/* What it returns, besides TC_ACT_SHOT and TC_ACT_REDIRECT. */
enum receive_result {
  RECEIVE_BY_SWITCH = 100,
  RECEIVE_NO_TAG, /* the frame could not be given its tag */
};

/* The words of `cb` afterwards. */
enum receive_word {
  RECEIVE_LEFT,   /* what the programs have left in all words, ORed */
  RECEIVE_ACTION, /* TAPSWITCH_VERDICT_ACTION of the verdict */
  RECEIVE_HAS_TAG,
  RECEIVE_TAG, /* that is not in the bytes: type << 16 | control */
};
