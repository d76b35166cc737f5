// A page that is opened from disk may not start a Worker; the search then runs in a hidden frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const room = frame.contentWindow;
      room.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }));
      const script = room.document.createElement("script");
      this.ready = new Promise((done) => { script.onload = done; });
      this.room = room;
      script.src = new URL(url, location.href).href;
      room.document.body.append(script);
    }

    async postMessage(data) {
      await this.ready;
      this.room.dispatchEvent(new this.room.MessageEvent("message", { data }));
    }
  };
}
