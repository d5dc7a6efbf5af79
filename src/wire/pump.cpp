#include <sluice/wire/body.h>

namespace sluice::wire {

void Pump::start(BodySource& source, BodySink& sink, Flow flow, OnPiece on_piece, OnDone on_done) {
  CHECK(!is_running());
  source_ = &source;
  sink_ = &sink;
  on_piece_ = std::move(on_piece);
  on_done_ = std::move(on_done);
  if (flow == Flow::blocked) return wait_for_sink();
  started_ = true;
  source.start_body(*this);
}

void Pump::stop() {
  if (source_ != nullptr && started_) source_->stop_body();
  forget();
}

void Pump::forget() {
  source_ = nullptr;
  sink_ = nullptr;
  started_ = false;
  wait_.cancel();
}

bool Pump::is_too_much(Slices pieces) {
  const uint64_t bytes = size_of(pieces);
  if (bytes > *left_) return true;
  *left_ -= bytes;
  return false;
}

void Pump::on_body(Slices pieces) {
  if (left_ && is_too_much(pieces)) {
    source_->stop_body();
    return done(Error{.code = ErrorCode::too_large, .message = "more came than there can be"});
  }
  if (on_piece_) {
    for (const auto piece : pieces) on_piece_(piece);
  }
  if (sink_->write_body(pieces) == Flow::blocked) wait_for_sink();
}

void Pump::wait_for_sink() {
  if (started_) source_->pause_body();
  wait_ = sink_->when_writable([this](Result<void> how) { on_writable(std::move(how)); });
}

void Pump::on_writable(Result<void> how) {
  if (!how) {
    if (started_) source_->stop_body();
    return done(std::move(how));
  }
  if (started_) return source_->resume_body();
  started_ = true;
  source_->start_body(*this);
}

void Pump::on_body_end(Result<void> how) {
  done(std::move(how));
}

void Pump::done(Result<void> how) {
  forget();
  const OnDone on_done = std::move(on_done_);
  on_done(std::move(how));
}

}  // namespace sluice::wire
