#include "switch/control/rpc/line_buffer.h"

namespace tapswitch {

void LineBuffer::Append(std::string_view bytes) {
  text_.erase(0, begin_);
  searched_ -= begin_;
  if (has_line()) newline_ -= begin_;
  begin_ = 0;
  text_ += bytes;
  if (!has_line()) FindNewline();
}

std::string LineBuffer::TakeLine() {
  std::string line = text_.substr(begin_, newline_ - begin_);
  begin_ = newline_ + 1;
  searched_ = begin_;
  FindNewline();
  // A client at rest holds no memory, however long its last line was.
  if (size() == 0) Clear();
  return line;
}

bool LineBuffer::too_long() const {
  const size_t end = has_line() ? newline_ : text_.size();
  return end - begin_ > kMaxLine;
}

void LineBuffer::Clear() { *this = LineBuffer(); }

// Never searches a byte twice: a line that arrives byte by byte must not cost its square.
void LineBuffer::FindNewline() {
  newline_ = text_.find('\n', searched_);
  searched_ = has_line() ? newline_ : text_.size();
}

}  // namespace tapswitch
