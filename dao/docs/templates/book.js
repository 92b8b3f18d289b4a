// The search over all objects; OBJECTS, in objects.js, are [kind, name, address, description].
"use strict";

(() => {
    const MOST = 30;
    const KINDS = [
        "service", "table", "view", "query", "function", "type", "machine", "role", "error",
        "column", "constraint", "index", "trigger", "policy",
    ];
    const input = document.getElementById("search");
    const list = document.getElementById("found");
    const objects = OBJECTS.map(([kind, name, address, says]) => ({
        kind, name, address, says, bare: name.slice(name.lastIndexOf(".") + 1).toLowerCase(),
        full: name.toLowerCase(), text: `${name} ${kind} ${says}`.toLowerCase(),
    }));
    const here = `${location.pathname.split("/").at(-1)}#`;
    let chosen = -1;

    function rank(object, words) {
        const names = words.filter((word) => !KINDS.includes(word));
        const last = (names.length ? names : words).at(-1);
        const other = names.length < words.length && !words.includes(object.kind);
        const place = other ? 4 : object.bare === last || object.full === last ? 0
            : object.bare.startsWith(last) || object.full.startsWith(last) ? 1
            : words.every((word) => object.full.includes(word)) ? 2 : 3;
        return [place, KINDS.indexOf(object.kind), !object.address.startsWith(here)]
            .reduce((sum, digit) => sum * KINDS.length + Number(digit), 0);
    }

    function find(text) {
        const words = text.toLowerCase().split(/\s+/).filter(Boolean);
        if (!words.length) {
            return [];
        }
        return objects
            .filter((object) => words.every((word) => object.text.includes(word)))
            .map((object) => [rank(object, words), object])
            .sort(([a, left], [b, right]) => a - b || (left.full < right.full ? -1 : left.full > right.full ? 1 : 0))
            .slice(0, MOST)
            .map(([, object]) => object);
    }

    function element(name, text, parent) {
        const made = document.createElement(name);
        made.textContent = text;
        parent.append(made);
        return made;
    }

    function show() {
        const found = find(input.value);
        list.replaceChildren();
        for (const [place, object] of found.entries()) {
            const item = element("li", "", list);
            item.id = `found-${place}`;
            item.setAttribute("role", "option");
            const link = element("a", "", item);
            link.href = object.address;
            link.tabIndex = -1;
            element("code", object.name, link);
            link.append(" ");
            element("small", object.kind, link);
            element("span", object.says, link);
        }
        if (!found.length && input.value.trim()) {
            element("li", "Nothing is called so, or says so.", list).className = "none";
        }
        list.hidden = !input.value.trim();
        input.setAttribute("aria-expanded", String(!list.hidden));
        choose(found.length ? 0 : -1);
    }

    function choose(place) {
        chosen = place;
        for (const [each, item] of [...list.querySelectorAll("[role=option]")].entries()) {
            item.setAttribute("aria-selected", String(each === chosen));
            if (each === chosen) {
                item.scrollIntoView({ block: "nearest" });
            }
        }
        if (chosen < 0) {
            input.removeAttribute("aria-activedescendant");
        } else {
            input.setAttribute("aria-activedescendant", `found-${chosen}`);
        }
    }

    function hide() {
        list.hidden = true;
        input.setAttribute("aria-expanded", "false");
    }

    input.addEventListener("input", show);
    input.addEventListener("focus", () => input.value.trim() && show());
    input.form.addEventListener("submit", (event) => event.preventDefault());
    input.addEventListener("keydown", (event) => {
        const count = list.querySelectorAll("[role=option]").length;
        if (event.key === "ArrowDown" && count) {
            choose((chosen + 1) % count);
        } else if (event.key === "ArrowUp" && count) {
            choose((chosen + count - 1) % count);
        } else if (event.key === "Enter" && chosen >= 0 && !list.hidden) {
            const link = list.querySelectorAll("[role=option] a")[chosen];
            hide();
            input.blur();
            link.click();
        } else if (event.key === "Escape") {
            hide();
        } else {
            return;
        }
        event.preventDefault();
    });
    document.addEventListener("click", (event) => {
        if (!input.form.contains(event.target) || event.target.closest("#found a")) {
            hide();
        }
    });
    document.addEventListener("keydown", (event) => {
        const typing = event.target.closest("input, textarea, [contenteditable]");
        if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
            event.preventDefault();
            input.focus();
            input.select();
        }
    });
})();
