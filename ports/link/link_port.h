// A port that is linked with a port of another switch on this machine, without a device of the
// kernel and without privileges: a connection of Unix sockets that carries frames with their
// virtio-net headers (frame_socket.h).
//
// Theory of operation. One end waits (`link:NAME`) at a socket beside the control socket of its
// switch (link_place.h), which the same people may use. The other end (`link:NAME,to=SWITCH:PORT`)
// connects to it, and does so again after the connection has ended, with growing pauses. Each end
// first says who it is (link_hello.h), and the link is up once it has heard the other one. A port
// has one link: whoever else connects is told so, and hung up on.
//
// The ring only watches: the listening socket and the connection. The port reads and writes itself,
// a batch in a call, as those on other sockets do.

#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "ports/accept_pace.h"
#include "ports/link/frame_socket.h"
#include "ports/link/link_hello.h"
#include "ports/link/link_options.h"
#include "ports/link/link_place.h"
#include "ports/os/unix/unix_listener.h"
#include "ports/port.h"
#include "ports/posted_details.h"
#include "ports/ring/ring.h"

namespace tapswitch {

class LinkPort final : public Port {
 public:
  // How the other end is found: exactly one of both.
  struct Meeting {
    std::optional<UnixListener> listener{};
    std::vector<std::string> paths{};  // that it connects to
    bool is_trusted_only = false;      // see ConnectToLink
    bool is_inherited = false;         // it may take over a connection, so it makes none at start
    std::string where;                 // in words: what it waits for
    std::string address;               // for users
  };

  LinkPort(PortIdentity identity, Meeting meeting, LinkHello own);
  // Precondition: closed(), or never started.
  ~LinkPort() override;
  LinkPort(const LinkPort&) = delete;
  LinkPort& operator=(const LinkPort&) = delete;

  [[nodiscard]] const PortIdentity& identity() const override { return identity_; }
  [[nodiscard]] const PortStatus& status() const override { return status_; }
  [[nodiscard]] std::shared_ptr<const PortDetails> details() const override { return details_; }
  [[nodiscard]] absl::Status Start(Ring& ring) override;
  void OnCompletions(std::span<const Completion> completions, FrameBatch& received) override;
  [[nodiscard]] bool Receive(FrameBatch& received) override;
  void LimitReceiving(size_t frames) override {
    limit_ = std::min(frames, FrameSocket::kMaxFrames);
  }
  void Send(std::span<const WireFrame> frames) override;
  void Recycle() override {}
  [[nodiscard]] bool wants_retry() const override;
  void Retry() override;
  [[nodiscard]] bool Pause() override;
  void Resume() override;
  [[nodiscard]] bool paused() const override { return pause_wanted_; }
  [[nodiscard]] bool HandOver(size_t queue, PortHandover& to) const override;
  [[nodiscard]] bool HandOverPaused(PortHandover& to) const override;
  void TakeOverPaused(PortHandover& from) override;
  void OnLinkChange(const LinkEvent& /*link*/) override {}
  void BeginClose() override;
  [[nodiscard]] bool closed() const override { return closing_; }
  void Detach() override { ring_ = nullptr; }

 private:
  // Each returns true if it may find more when it is called again.
  [[nodiscard]] bool Accept();
  [[nodiscard]] bool TakeGreeting();

  void Connect();
  [[nodiscard]] absl::Status Begin(FileDescriptor connection);
  void BecomeUp(const LinkHello& peer);
  void Disconnect(std::string_view why);
  void Wait(std::string_view why);
  [[nodiscard]] absl::Status WatchConnection();
  void AwaitWritability();
  void ShowDetails();
  [[nodiscard]] Tag ListenerTag() const;
  [[nodiscard]] Tag ConnectionTag() const;

  PortIdentity identity_;
  PortStatus status_;
  Meeting meeting_;
  LinkHello own_;
  std::shared_ptr<PostedDetails> details_ = std::make_shared<PostedDetails>();
  std::unique_ptr<FrameSocket> frames_;  // null until Start
  std::optional<LinkHello> peer_;        // while the link is up
  std::string peer_process_;             // in words

  Ring* ring_ = nullptr;  // null until Start has succeeded
  uint32_t watched_ = 0;  // counts connections, so that completions of earlier ones are ignored
  uint32_t pause_ = 0;    // calls of Retry to leave out, once it connects again
  uint32_t pauses_ = 0;   // of them, those that are left
  uint32_t links_ = 0;    // since the start
  size_t limit_ = FrameSocket::kMaxFrames;  // frames per turn
  bool has_clients_ = false;                // somebody may wait to be accepted
  bool starved_ = false;                    // but none could be taken: Retry goes on
  AcceptPace pace_;
  bool awaits_writability_ = false;
  bool closing_ = false;
  bool pause_wanted_ = false;
};

// Opens a link port with one queue. Errors name the port and the cure.
[[nodiscard]] absl::StatusOr<std::unique_ptr<Port>> OpenLinkPort(const PortIdentity& identity,
                                                                 const LinkOptions& options,
                                                                 const LinkPlace& own,
                                                                 PortHandover* inherited);

}  // namespace tapswitch
