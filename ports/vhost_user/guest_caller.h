// Signals eventfds that a front end has given.
//
// A write to an eventfd whose counter is full waits unless the open file is non-blocking, and the
// front end has the same open file: it can fill the counter, and change O_NONBLOCK between any look
// at that flag and the write. So the kernel signals by itself, which never waits: it does so at the
// end of an asynchronous read (IOCB_FLAG_RESFD, io_submit(2)), here one at the end of an empty file
// of the switch. Nothing more is needed: a counter that is full has called the guest already.

#pragma once

#include <linux/aio_abi.h>

#include <utility>

#include "absl/status/statusor.h"
#include "ports/os/file_descriptor.h"

namespace tapswitch {

class GuestCaller {
 public:
  // ResourceExhausted where the machine has no more contexts of asynchronous reads.
  [[nodiscard]] static absl::StatusOr<GuestCaller> Create();
  GuestCaller(GuestCaller&& other) noexcept;
  GuestCaller& operator=(GuestCaller&& other) = delete;
  GuestCaller(const GuestCaller&) = delete;
  GuestCaller& operator=(const GuestCaller&) = delete;
  ~GuestCaller();

  // A file that is no eventfd is not signalled. One thread at a time may call.
  void Signal(int fd);

 private:
  GuestCaller(FileDescriptor empty, aio_context_t context)
      : empty_(std::move(empty)), context_(context) {}

  FileDescriptor empty_;
  aio_context_t context_;
};

}  // namespace tapswitch
