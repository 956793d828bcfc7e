// Lines that wait to be sent to one client.

#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace tapswitch {

class OutputQueue {
 public:
  void Append(std::string line);

  [[nodiscard]] bool empty() const { return chunks_.empty(); }
  // What to send next, as much as lies in one piece; not empty unless the queue is.
  [[nodiscard]] std::string_view Front() const;
  // That many bytes of Front() are sent.
  void Consume(size_t bytes);
  void Clear();

  // Positions in the stream of all bytes ever appended.
  [[nodiscard]] uint64_t appended() const { return appended_; }
  [[nodiscard]] uint64_t sent() const { return sent_; }
  [[nodiscard]] size_t unsent() const { return static_cast<size_t>(appended_ - sent_); }

  // Memory this takes, which is more than unsent(): a line of which only the last byte is left is
  // still there as a whole.
  [[nodiscard]] size_t held() const { return held_; }

 private:
  void PopFront();

  std::deque<std::string> chunks_;  // none is empty
  size_t offset_ = 0;               // of the first one: what is sent
  size_t held_ = 0;
  uint64_t appended_ = 0;
  uint64_t sent_ = 0;
};

}  // namespace tapswitch
